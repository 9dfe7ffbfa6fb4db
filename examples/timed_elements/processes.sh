# The processes of this application, for scripts/example.
role() { process "$1" --redis "$redis_url" "${@:2}" --name "$1"; }

role left advance --every-ms 2000
role right advance --every-ms 2000
role adder-1 add --every-ms 2000
role adder-2 add --every-ms 3000
role worker-2 work
role worker-3 work
role worker-1 work

hint <<HINT
Elements are added around the watermark, and handed out once it has passed them. Try, in another terminal:

kill -9 $pid  # worker-1 dies; what it held goes to another, deliveries=2
$cli -p $port TSGEN.INFO elements  # how many are in which state
$cli -p $port TSGEN.PENDING elements  # what is leased to whom
$cli -p $port TSGEN.ADD elements 1 mine hello  # an element of your own, late
$binary --redis $redis_url work --name worker-4
HINT
