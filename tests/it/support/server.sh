# An MCP server in POSIX sh, for tests: writes every line it gets to the file $1, and answers what it knows.
seen=$1
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
while IFS= read -r line; do
    printf '%s\n' "$line" >>"$seen"
    case $line in
    *'": '*) line=$(printf '%s' "$line" | sed 's/": /":/g') ;;
    esac
    id=${line#*'"id":'}
    id=${id%%[,\}]*}
    case $line in
    *'"method":"initialize"'*)
        answer '{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"sh","version":"1"}}' ;;
    *'"method":"tools/list"'*)
        tools=
        for tool in echo destroy ask exit die complain slow pid; do
            tools="$tools,{\"name\":\"$tool\",\"inputSchema\":{\"type\":\"object\"}}"
        done
        case $line in
        *2026-07-28*) answer "{\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\",\"tools\":[${tools#,}]}" ;;
        *) answer "{\"tools\":[${tools#,}]}" ;;
        esac ;;
    *'"name":"ask"'*)
        printf '{"jsonrpc":"2.0","id":"question","method":"roots/list"}\n'
        answer '{"content":[]}' ;;
    *'"name":"exit"'*) exit 7 ;;
    *'"name":"die"'*) kill -9 $$ ;;
    *'"name":"slow"'*)
        sleep 2
        answer '{"content":[{"type":"text","text":"slow"}]}' ;;
    *'"name":"complain"'*)
        echo 'oh dear' >&2
        answer '{"content":[]}' ;;
    *'"name":"pid"'*)
        printf '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"counting"}}\n'
        answer "{\"resultType\":\"complete\",\"content\":[{\"type\":\"text\",\"text\":\"$$\"}]}" ;;
    *'"method":"tools/call"'*)
        answer '{"resultType":"complete","content":[{"type":"text","text":"done"}]}' ;;
    *'"method":"ping"'*) answer '{}' ;;
    *'"method":"server/discover"'*)
        answer '{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}' ;;
    esac
done
