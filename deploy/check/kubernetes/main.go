// Command admission asks the admission code of Kubernetes itself what becomes of pods: its dispatcher of mutating webhooks, which calls a
// webhook over TLS and applies its patch, and its evaluator of ValidatingAdmissionPolicies. One question as JSON on standard input, one
// answer on standard output; kubernetes.py beside this file asks and knows what must come of it.
//
// What is not here is what surrounds this code in an API server: defaults, validation of pods, and storage.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/url"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta/testrestmapper"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/apiserver/pkg/warning"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
)

// question is what standard input says.
type question struct {
	// Objects are the webhook's registration, the policies, their bindings and parameters, and namespaces.
	Objects []json.RawMessage `json:"objects"`
	// Webhook is where the Service of the webhook leads.
	Webhook string `json:"webhook"`
	// Requests are asked one after the other.
	Requests []request `json:"requests"`
}

// request is one request to an API server.
type request struct {
	Name        string          `json:"name"`
	Namespace   string          `json:"namespace"`
	Operation   string          `json:"operation"`
	Subresource string          `json:"subresource"`
	Object      json.RawMessage `json:"object"`
	Old         json.RawMessage `json:"old"`
	MayOperate  bool            `json:"mayOperate"`
	DryRun      bool            `json:"dryRun"`
	// Mutate asks webhooks, Validate asks policies.
	Mutate   bool `json:"mutate"`
	Validate bool `json:"validate"`
}

// answer is what became of a request.
type answer struct {
	Name     string         `json:"name"`
	Denied   string         `json:"denied,omitempty"`
	Object   runtime.Object `json:"object,omitempty"`
	Warnings []string       `json:"warnings,omitempty"`
}

// leads is where every Service of the cluster is.
type leads string

func (l leads) ResolveEndpoint(_, _ string, _ int32) (*url.URL, error) {
	return url.Parse("https://" + string(l))
}

// may allows one verb, if the question says so of the request.
type may struct{ operate bool }

func (m *may) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if m.operate && a.GetAPIGroup() == "cedarpost.dev" && a.GetResource() == "sidecars" && a.GetVerb() == "operate" {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// heard keeps the warnings of one request.
type heard struct{ texts []string }

func (h *heard) AddWarning(_, text string) { h.texts = append(h.texts, text) }

// server is as much of an API server as decides whether a pod gets in.
type server struct {
	scheme   *runtime.Scheme
	webhooks *mutating.Plugin
	policies *validating.Plugin
	may      *may
}

func newServer(asked question) (*server, error) {
	scheme := runtime.NewScheme()
	if err := clientscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	// An API server converts to types of its own and back; here both sides are v1.
	if err := scheme.AddConversionFunc((*corev1.Pod)(nil), (*corev1.Pod)(nil), func(a, b any, _ conversion.Scope) error {
		a.(*corev1.Pod).DeepCopyInto(b.(*corev1.Pod))
		return nil
	}); err != nil {
		return nil, err
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	objects := make([]runtime.Object, 0, len(asked.Objects))
	for _, raw := range asked.Objects {
		object, _, err := decoder.Decode(raw, nil, nil)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	client := fake.NewSimpleClientset(objects...)
	factory := informers.NewSharedInformerFactory(client, time.Hour)
	stop := make(chan struct{})
	s := &server{scheme: scheme, may: &may{}}

	var err error
	if s.webhooks, err = mutating.NewMutatingWebhook(nil); err != nil {
		return nil, err
	}
	s.webhooks.SetAuthenticationInfoResolverWrapper(func(r webhook.AuthenticationInfoResolver) webhook.AuthenticationInfoResolver { return r })
	s.webhooks.SetServiceResolver(leads(asked.Webhook))
	s.webhooks.SetExternalKubeClientSet(client)
	s.webhooks.SetExternalKubeInformerFactory(factory)
	s.webhooks.SetAuthorizer(s.may)
	s.webhooks.SetDrainedNotification(stop)
	if err := s.webhooks.ValidateInitialization(); err != nil {
		return nil, err
	}

	if s.policies, err = validating.NewPlugin(nil); err != nil {
		return nil, err
	}
	s.policies.SetExternalKubeClientSet(client)
	s.policies.SetExternalKubeInformerFactory(factory)
	s.policies.SetDynamicClient(dynamicfake.NewSimpleDynamicClient(scheme))
	s.policies.SetRESTMapper(testrestmapper.TestOnlyStaticRESTMapper(scheme))
	s.policies.SetAuthorizer(s.may)
	s.policies.SetDrainedNotification(stop)
	if err := s.policies.ValidateInitialization(); err != nil {
		return nil, err
	}
	factory.Start(stop)
	factory.WaitForCacheSync(stop)
	return s, nil
}

func (s *server) ask(r request) (answer, error) {
	object, err := s.read(r, r.Object)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", r.Name, err)
	}
	old, err := s.read(r, r.Old)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", r.Name, err)
	}
	kind := corev1.SchemeGroupVersion.WithKind("Pod")
	if r.Operation == "CONNECT" {
		kind = object.GetObjectKind().GroupVersionKind()
	}
	name := "guarded"
	if pod, is := object.(*corev1.Pod); is {
		name = pod.Name
	}
	asks := &user.DefaultInfo{Name: "somebody"}
	var options runtime.Object = &metav1.CreateOptions{}
	if r.Operation == "UPDATE" {
		options = &metav1.UpdateOptions{}
	}
	attributes := admission.NewAttributesRecord(object, old, kind, r.Namespace, name, corev1.SchemeGroupVersion.WithResource("pods"),
		r.Subresource, admission.Operation(r.Operation), options, r.DryRun, asks)
	interfaces := admission.NewObjectInterfacesFromScheme(s.scheme)
	s.may.operate = r.MayOperate
	told := &heard{}
	ctx := warning.WithWarningRecorder(context.Background(), told)

	if r.Mutate {
		err = s.webhooks.Admit(ctx, attributes, interfaces)
		if again := attributes.GetReinvocationContext(); err == nil && again.ShouldReinvoke() {
			again.SetIsReinvoke()
			err = s.webhooks.Admit(ctx, attributes, interfaces)
		}
	}
	if r.Validate && err == nil {
		err = s.policies.Validate(ctx, attributes, interfaces)
	}
	result := answer{Name: r.Name, Object: attributes.GetObject(), Warnings: told.texts}
	if err != nil {
		result.Denied = err.Error()
	}
	return result, nil
}

func (s *server) read(r request, raw json.RawMessage) (runtime.Object, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	kind := schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	switch r.Subresource {
	case "exec":
		kind.Kind = "PodExecOptions"
	case "attach":
		kind.Kind = "PodAttachOptions"
	case "portforward":
		kind.Kind = "PodPortForwardOptions"
	}
	decoder := serializer.NewCodecFactory(s.scheme).UniversalDeserializer()
	object, _, err := decoder.Decode(raw, &kind, nil)
	if err == nil {
		object.GetObjectKind().SetGroupVersionKind(kind)
	}
	return object, err
}

func run() error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	s, err := newServer(asked)
	if err != nil {
		return err
	}
	answers := make([]answer, 0, len(asked.Requests))
	for _, r := range asked.Requests {
		result, err := s.ask(r)
		if err != nil {
			return err
		}
		answers = append(answers, result)
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
