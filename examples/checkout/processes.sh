# The processes of this application, for scripts/example.
shop=127.0.0.1:$(free_port 8080)

process shop --redis "$redis_url" serve --listen "$shop"
process worker-2 --redis "$redis_url" work --name worker-2 --work-ms 3000 --lease-ms 5000
process worker-1 --redis "$redis_url" work --name worker-1 --work-ms 3000 --lease-ms 5000

hint <<HINT
The workers take three seconds for each order here, so that there is time to kill one. Try, in another terminal:

curl -i $shop/checkout -d '{"id": "7", "expire": 5}'  # 201: held for five seconds
curl -i $shop/checkout -d '{"id": "7"}'  # 409: it is held already
curl -i $shop/checkout/7  # what is left of its time
curl -i $shop/checkout -d '{"id": "8"}'  # held for 20 seconds, unless
curl -i -X DELETE $shop/checkout/8  # it is paid
for id in {10..13}; do curl -s $shop/checkout -d "{\"id\": \"\$id\", \"expire\": 1}"; done  # four more; when worker-1 has one,
kill -9 $pid  # kill it: worker-2 gets that order, deliveries=2
$cli -p $port XRANGE abandoned:log - +  # who did not pay: each once
HINT
