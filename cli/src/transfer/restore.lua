-- Adds an entry, and brings it to where it was: delivered so often, and then delayed or dead. In one step, so that no worker gets it meanwhile.
--
-- KEYS[1]: the key. ARGV: the family; the id, empty for a batch; how often it was delivered, at least once; DELAY or DEAD; for how many ms, or
-- why; 1 if a run that is dead is to have no next one; 1 if the key is paused, and is so again in the end; then the commands that add it: each as its number of words, its name, and what stands
-- behind the key. The reply is the token of the last delivery; nil if the entry was not to be had.
local key, family, id, deliveries = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local fate, what, is_run, is_paused = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
-- Nobody else claims while a script runs.
if is_paused == '1' then redis.call(family .. '.ALTER', key, 'PAUSED', 'no') end
local at = 8
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  redis.call(ARGV[at + 1], key, unpack(ARGV, at + 2, at + count))
  at = at + count + 1
end

local consumer = 'tsgen import'

-- What else is ready by now (its delay has run out, or others have added it) is kept out of the way under this lease, so that each is claimed
-- once, however many there are. In the end the importer releases it, and then it does not count as delivered.
local LEASE = 3600000

local function claim()
  local token, newest
  repeat
    local claimed = redis.call(family .. '.CLAIM', key, consumer, 'COUNT', 100, 'LEASE', LEASE)
    for _, entry in ipairs(claimed) do
      if entry[3] == id then token = entry[1] end
      -- Of batches the newest is the one that was sealed here.
      if id == '' and (not newest or tonumber(entry[3]) > tonumber(newest)) then
        newest, token = entry[3], entry[1]
      end
    end
  until #claimed == 0 or (token and id ~= '')
  if newest then id = newest end
  return token
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
  if not token then break end
end
if is_run == '1' then redis.call('TSGEN.REM', key, id) end
if is_paused == '1' then redis.call(family .. '.ALTER', key, 'PAUSED', 'yes') end
return token
