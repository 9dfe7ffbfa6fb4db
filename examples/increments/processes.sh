# The processes of this application, for scripts/example: with a PostgreSQL of its own, which refuses to be run by root.
postgres=$(mktemp -d)
at_end rm -rf "$postgres"
initdb=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 || command -v initdb)
unprivileged=("${mortal[@]}")
if [[ $(id -u) -eq 0 ]]; then
    unprivileged=(setpriv --pdeathsig TERM --reuid postgres --regid postgres --clear-groups)
    chown postgres "$postgres"
fi
# Becomes one of PostgreSQL's programs, with these arguments.
become() { cd "$postgres" && exec "${unprivileged[@]}" "$(dirname "$initdb")/$1" -D "$postgres/data" "${@:2}"; }

(become initdb --no-sync --auth trust --username postgres >/dev/null)
(become postgres -c listen_addresses= -c "unix_socket_directories=$postgres" </dev/null >"$postgres/log" 2>&1) &
server=$!
# SIGINT: it does not wait until everybody has disconnected.
at_end eval "kill -INT $server; wait $server"
for _ in {1..500}; do
    kill -0 "$server" 2>/dev/null || { cat "$postgres/log" >&2; exit 1; }
    psql -qh "$postgres" -U postgres -c 'SELECT' >/dev/null 2>&1 && break
    sleep 0.02
done

http=127.0.0.1:$(free_port 8080)
database="host=$postgres user=postgres dbname=postgres"
process serve serve --redis "$redis_url" --listen "$http"
process worker-2 work --redis "$redis_url" --database "$database" --name worker-2
process worker-1 work --redis "$redis_url" --database "$database" --name worker-1

hint <<HINT
Try, in another terminal:

curl -i $http/increment -d '{"key": "7f3c1c52-6f0f-4f5e-9d7a-0d4a1c8e5b21", "value": 5}'
psql -h $postgres -U postgres -c 'TABLE counters'  # it is there within ten seconds
$cli -p $port TALLY.GET increments 7f3c1c52-6f0f-4f5e-9d7a-0d4a1c8e5b21  # what is not there yet
for n in {1..70}; do curl -s $http/increment -d '{"key": "7f3c1c52-6f0f-4f5e-9d7a-0d4a1c8e5b21", "value": 1}'; done  # 60 a minute
psql -h $postgres -U postgres -c 'TABLE tsgen_batches'  # which batches have been written
kill -9 $pid  # worker-1 dies, and nobody notices
HINT
