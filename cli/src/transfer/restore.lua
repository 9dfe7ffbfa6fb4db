-- Adds an entry, and brings it to where it was: delivered so often, and then delayed or dead. In one step, so that no worker gets it meanwhile.
--
-- KEYS[1]: the key. ARGV: the family; the id, empty for a batch; how often it was delivered, at least once; DELAY or DEAD; for how many ms, or
-- why; 1 if a run that is dead is to have no next one; then the commands that add it: each as its number of words, its name, and what stands
-- behind the key. The reply is the token of the last delivery; nil if the entry was not to be had.
local key, family, id, deliveries = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local fate, what, is_run = ARGV[4], ARGV[5], ARGV[6]
local at = 7
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  redis.call(ARGV[at + 1], key, unpack(ARGV, at + 2, at + count))
  at = at + count + 1
end

local consumer = 'tsgen import'

-- Others may have been added to the key meanwhile: they are handed back, and not counted as delivered.
local function claim()
  local token
  for _ = 1, 10 do
    local claimed = redis.call(family .. '.CLAIM', key, consumer, 'COUNT', 100)
    for _, entry in ipairs(claimed) do
      if id == '' or entry[3] == id then token = entry[1] end
    end
    if token or #claimed == 0 then return token end
  end
end

local token
for nth = 1, deliveries do
  token = claim()
  if token and nth < deliveries then
    redis.call(family .. '.NACK', key, token, 'DELAY', 0)
  elseif token and fate == 'DEAD' then
    redis.call(family .. '.NACK', key, token, 'DEAD', 'REASON', what)
  elseif token then
    redis.call(family .. '.NACK', key, token, 'DELAY', what)
  end
  redis.call(family .. '.RELEASE', key, consumer)
  if not token then break end
end
if is_run == '1' then redis.call('TSGEN.REM', key, id) end
return token
