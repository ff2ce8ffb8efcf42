/**
 * Accepts a job: gives it an id, writes its row, indexes and first history line; or finds it by its idempotency key.
 *
 * KEYS  1 job-id  2 idempotency (or "")  3 jobs:all  4 jobs:state:pending  5 jobs:project  6 jobs:user  7 jobs:name  8 jobs:queue  9 arrays
 * ARGV  1 job key prefix  2 spec JSON  3 row JSON (without id and spec)  4 queue score, "" for an array  5 now  6 fingerprint
 *       7 idempotency TTL, seconds  8 history type  9 history message  10 channel
 *       11 key of the change log  12 entries it keeps
 * Returns  {id, 0} accepted; {id, 1} the job that the key already made; {id, -1} the key was used for another spec
 */
export const submitLua = `
if KEYS[2] ~= '' then
  local known = redis.call('HMGET', KEYS[2], 'id', 'fingerprint')
  if known[1] then
    if known[2] == ARGV[6] then return {known[1], 1} end
    return {known[1], -1}
  end
end
local number = redis.call('INCR', KEYS[1])
local id = string.format('%.0f', number)
local job = ARGV[1] .. id
redis.call('HSET', job, 'spec', ARGV[2], 'row', ARGV[3], 'state', 'pending', 'epoch', '0', 'version', '1', 'claims', '[]', 'nodes', '[]')
for index = 3, 7 do redis.call('ZADD', KEYS[index], number, id) end
if ARGV[4] == '' then
  redis.call('SADD', KEYS[9], id)
else
  redis.call('ZADD', KEYS[8], ARGV[4], string.rep('0', 16 - #id) .. id)
end
redis.call('XADD', job .. ':events', '*', 'epoch', '0', 'at', ARGV[5], 'type', ARGV[8], 'message', ARGV[9])
if KEYS[2] ~= '' then
  redis.call('HSET', KEYS[2], 'id', id, 'fingerprint', ARGV[6])
  redis.call('EXPIRE', KEYS[2], ARGV[7])
end
redis.call('XADD', ARGV[11], 'MAXLEN', '~', ARGV[12], '*', 'job', id, 'version', '1')
redis.call('PUBLISH', ARGV[10], id)
return {id, 0}
`;
