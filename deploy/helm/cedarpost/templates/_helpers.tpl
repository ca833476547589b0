{{- define "cedarpost.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Leaves room for what is put behind it. */}}
{{- define "cedarpost.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "cedarpost.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "cedarpost.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "cedarpost.webhook" -}}
{{ include "cedarpost.fullname" . }}-webhook
{{- end }}

{{- define "cedarpost.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "cedarpost.webhook" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "cedarpost.selector" -}}
app.kubernetes.io/name: {{ include "cedarpost.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: webhook
{{- end }}

{{- define "cedarpost.labels" -}}
{{ include "cedarpost.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: cedarpost
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cedarpost.image" -}}
{{- $repository := required "image.repository: where did you push the image?" .Values.image.repository }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The namespaces whose pods get a sidecar: for the webhook and for the check, which must not differ. */}}
{{- define "cedarpost.namespaceSelector" -}}
{{- with .Values.namespaceSelector.matchLabels }}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
matchExpressions:
  {{- with .Values.namespaceSelector.matchExpressions }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values:
      {{- toYaml (append .Values.excludedNamespaces .Release.Namespace | uniq) | nindent 6 }}
{{- end }}

{{- define "cedarpost.tlsSecret" -}}
{{- if eq .Values.certificates.mode "secret" }}
{{- .Values.certificates.secret.name }}
{{- else }}
{{- include "cedarpost.webhook" . }}-tls
{{- end }}
{{- end }}

{{/* Not empty when the webhook asks API servers for something. */}}
{{- define "cedarpost.asks" -}}
{{- if or .Values.webhook.events (eq .Values.certificates.mode "self") }}yes{{ end }}
{{- end }}
