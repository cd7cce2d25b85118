-- Decides one call of a rate limiter: admitted if every rule has room, and then counted under all of them.
--
-- KEYS: the log of each rule, a list of the moments at which it was charged, in milliseconds, oldest first.
-- ARGV: for each rule its window in milliseconds, its quota, how many must fit, and how many are charged.
-- Returns 1 or 0, then for each rule how many more fit, and the milliseconds until one more fits and until none counts.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Of each log: how many moments are in it, and the newest.
local used, newest = {}, {}

local function argument(rule, position)
  return tonumber(ARGV[4 * (rule - 1) + position])
end

-- A log goes a second after its last moment counts: the server expires keys by another reading of its clock.
local function keep(key, window)
  redis.call('PEXPIRE', key, window + 1000)
end

-- Reads a log and drops what no longer counts.
local function read(key, window)
  local oldest = tonumber(redis.call('LINDEX', key, 0))
  if not oldest then
    return 0
  end
  local last = tonumber(redis.call('LINDEX', key, -1))
  if last > now then
    -- The clock was set back, or another node with an earlier one took over. Time that runs backwards does not count.
    for index, moment in ipairs(redis.call('LRANGE', key, 0, -1)) do
      redis.call('LSET', key, index - 1, moment - (last - now))
    end
    keep(key, window)
    oldest, last = oldest - (last - now), now
  end
  while oldest and now - oldest > window do
    redis.call('LPOP', key)
    oldest = tonumber(redis.call('LINDEX', key, 0))
  end
  return redis.call('LLEN', key), last
end

local admitted = 1
for rule, key in ipairs(KEYS) do
  if not used[key] then
    used[key], newest[key] = read(key, argument(rule, 1))
  end
  if used[key] + argument(rule, 3) > argument(rule, 2) then
    admitted = 0
  end
end

if admitted == 1 then
  for rule, key in ipairs(KEYS) do
    for charge = 1, argument(rule, 4) do
      used[key], newest[key] = redis.call('RPUSH', key, now), now
      if charge == 1 then
        keep(key, argument(rule, 1))
      end
    end
  end
end

local answer = { admitted }
for rule, key in ipairs(KEYS) do
  local window, quota = argument(rule, 1), argument(rule, 2)
  local retry_after, reset_after = 0, 0
  if quota == 0 then
    -- Nothing ever fits; "not before the window is over" is the least untrue answer.
    retry_after = window
  elseif used[key] >= quota then
    retry_after = redis.call('LINDEX', key, used[key] - quota) + window + 1 - now
  end
  if used[key] > 0 then
    reset_after = newest[key] + window + 1 - now
  end
  table.insert(answer, math.max(quota - used[key], 0))
  table.insert(answer, retry_after)
  table.insert(answer, reset_after)
end
return answer
