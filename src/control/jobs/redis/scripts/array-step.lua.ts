/**
 * One change of an array's row, compare-and-set on its version, with the rows of the tasks that it starts: all or nothing,
 * so no task is started twice or forgotten.
 *
 * KEYS  1 array's row  2 its events  3 index of the old state  4 index of the new state  5 arrays  6 task counts  7 tasks
 *       8 live tasks  9 failed tasks  10 job-id  11 jobs:all  12 jobs:state:pending  13 jobs:project  14 jobs:user
 *       15 jobs:array  16 jobs:queue  17 leader:fence
 * ARGV  1 id  2 version (as read)  3 new state  4 new version  5 row JSON  6 history, JSON array of {type, message}
 *       7 most history lines kept  8 now  9 channel  10 "1" while it has not ended  11 ended tasks that wait again, JSON array of
 *       indexes  12 tasks that start, JSON array of [index, row JSON, message]  13 job key prefix  14 queue score
 *       15 history type of a new task  16 fence of the leader that decided it, "" when anybody may
 *       17 key of the change log  18 entries it keeps
 * Returns  {1, ids of the new tasks...}; {-1} no such array; {-2} it, or a task that waits again, has changed; {-5} another leads now
 */
export const arrayStepLua = `
local version = redis.call('HGET', KEYS[1], 'version')
if not version then return {-1} end
if version ~= ARGV[2] then return {-2} end
if ARGV[16] ~= '' and (redis.call('GET', KEYS[17]) or '0') ~= ARGV[16] then return {-5} end

local again = {}
for _, index in ipairs(cjson.decode(ARGV[11])) do
  local id = redis.call('HGET', KEYS[7], index)
  local state = id and redis.call('HGET', ARGV[13] .. id, 'state')
  if state ~= 'failed' and state ~= 'cancelled' then return {-2} end
  table.insert(again, {index, state})
end
for _, task in ipairs(again) do
  redis.call('HINCRBY', KEYS[6], task[2], -1)
  redis.call('HDEL', KEYS[7], task[1])
  redis.call('HDEL', KEYS[9], task[1])
end

redis.call('HSET', KEYS[1], 'row', ARGV[5], 'state', ARGV[3], 'version', ARGV[4])
if KEYS[3] ~= KEYS[4] then
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZADD', KEYS[4], ARGV[1], ARGV[1])
end
redis.call(ARGV[10] == '1' and 'SADD' or 'SREM', KEYS[5], ARGV[1])
for _, line in ipairs(cjson.decode(ARGV[6])) do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[7], '*', 'epoch', '0', 'at', ARGV[8], 'type', line.type, 'message', line.message)
end

local reply = {1}
for _, task in ipairs(cjson.decode(ARGV[12])) do
  local number = redis.call('INCR', KEYS[10])
  local id = string.format('%.0f', number)
  local job = ARGV[13] .. id
  redis.call('HSET', job, 'row', task[2], 'state', 'pending', 'epoch', '0', 'version', '1', 'claims', '[]', 'nodes', '[]')
  for key = 11, 15 do redis.call('ZADD', KEYS[key], number, id) end
  redis.call('ZADD', KEYS[16], ARGV[14], string.rep('0', 16 - #id) .. id)
  redis.call('HSET', KEYS[7], task[1], id)
  redis.call('SADD', KEYS[8], id)
  redis.call('HINCRBY', KEYS[6], 'pending', 1)
  redis.call('XADD', job .. ':events', '*', 'epoch', '0', 'at', ARGV[8], 'type', ARGV[15], 'message', task[3])
  redis.call('XADD', ARGV[17], 'MAXLEN', '~', ARGV[18], '*', 'job', id, 'version', '1')
  table.insert(reply, id)
end
redis.call('PUBLISH', ARGV[9], ARGV[1])
return reply
`;
