# The processes of this application, for scripts/example. Ten seconds stand for the hour.
process notifier-2 --redis "$redis_url" notify --idle 10s --lease 5s --name notifier-2
process notifier-1 --redis "$redis_url" notify --idle 10s --lease 5s --name notifier-1
notifier=$pid
process bridge --redis "$redis_url" bridge old-scans --idle 10s

hint <<HINT
Nobody scans yet. A seller is told ten seconds after the last of its packages. Try, in another terminal:

$binary --redis $redis_url --idle 10s scan 10 package-1 package-2
$binary --redis $redis_url --idle 10s scan 10 package-3  # the ten seconds start anew
$cli -p $port DEBOUNCE.GROUPS packages  # who is waiting, and until when
$cli -p $port XADD old-scans '*' seller 20 package package-4 scanned_at 1700000000000  # as the old system does
kill -9 $notifier  # notifier-1 dies; notifier-2 goes on
HINT
