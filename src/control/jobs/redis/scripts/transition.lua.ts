/**
 * One change of a job row: compare-and-set on (state, epoch, version), with everything that must change with it.
 * A GPU that another job owns refuses the whole change: no GPU ever has two owners, whoever decides. Of a shared one, parts
 * beyond its whole, its memory, its project or its way of sharing are refused (as gpu-claims.ts says).
 *
 * KEYS  1 job  2 events  3 index of the old state  4 index of the new state  5 jobs:queue  6 claims  7 placements  8 leader:fence
 *       9 array's task counts  10 its live tasks  11 its failed tasks
 * ARGV  1 id  2 state  3 epoch  4 version (as read)  5 new state  6 new epoch  7 new version  8 row JSON
 *       9 queue score, "" when not pending  10 queue member  11 claims (gpu-claims.ts), JSON array  12 nodes, JSON array
 *       13 history, JSON array of {type, message}  14 most history lines kept  15 now  16 key prefix of the node sets
 *       17 channel  18 placement revision when this batch began, "" when it does not matter  19 "1" when this is a placement
 *       20 fence of the leader that decided it, "" when anybody may  21 index of the task, "" for a job that is none
 *       22 "1" when it has ended  23 exit code, "" for none
 *       24 key of the change log  25 entries it keeps
 * Returns  {1}; {-1} no such job; {-2} the row has changed; {-3, gpu, why, owner or ''} a GPU cannot be the job's;
 *          {-4} placements were made since the revision; {-5} another leads now
 */
export const transitionLua = `
local row = redis.call('HMGET', KEYS[1], 'state', 'epoch', 'version', 'claims', 'nodes')
if not row[1] then return {-1} end
if row[1] ~= ARGV[2] or row[2] ~= ARGV[3] or row[3] ~= ARGV[4] then return {-2} end
if ARGV[20] ~= '' and (redis.call('GET', KEYS[8]) or '0') ~= ARGV[20] then return {-5} end
-- earlier: the batch's own placements, of the same plan.
if ARGV[18] ~= '' and tonumber(redis.call('GET', KEYS[7]) or '0') - earlier ~= tonumber(ARGV[18]) then return {-4} end

local function isShared(owner) return string.sub(owner, 1, 1) == '{' end

local function conflict(claim, owner)
  local shared = owner and isShared(owner)
  if owner and owner ~= ARGV[1] and not shared then return 'belongs to job ' .. owner end
  if type(claim) == 'string' then return shared and 'is shared by other jobs' end
  local millis, memory = claim.millis, claim.memoryBytes
  for id, share in pairs(shared and cjson.decode(owner) or {}) do
    if id ~= ARGV[1] then
      if share.sharing ~= claim.sharing then return 'is shared by ' .. share.sharing .. ' with job ' .. id end
      if share.project ~= claim.project and not claim.across then return 'is shared by project ' .. share.project end
      millis, memory = millis + share.millis, memory + share.memoryBytes
    end
  end
  if millis > 1000 or memory > claim.gpuMemoryBytes then return 'has no room left for the part' end
end

local claims = cjson.decode(ARGV[11])
for _, claim in ipairs(claims) do
  local gpu = type(claim) == 'string' and claim or claim.gpu
  local owner = redis.call('HGET', KEYS[6], gpu)
  local why = conflict(claim, owner)
  if why then return {-3, gpu, why, owner and not isShared(owner) and owner or ''} end
end

local function setShare(gpu, share)
  local owner = redis.call('HGET', KEYS[6], gpu)
  local shares = owner and isShared(owner) and cjson.decode(owner) or {}
  shares[ARGV[1]] = share
  if next(shares) then redis.call('HSET', KEYS[6], gpu, cjson.encode(shares)) else redis.call('HDEL', KEYS[6], gpu) end
end

for _, claim in ipairs(cjson.decode(row[4])) do
  if type(claim) == 'string' then redis.call('HDEL', KEYS[6], claim) else setShare(claim.gpu, nil) end
end
for _, claim in ipairs(claims) do
  if type(claim) == 'string' then redis.call('HSET', KEYS[6], claim, ARGV[1]) else setShare(claim.gpu, claim) end
end
for _, node in ipairs(cjson.decode(row[5])) do redis.call('SREM', ARGV[16] .. node, ARGV[1]) end
for _, node in ipairs(cjson.decode(ARGV[12])) do redis.call('SADD', ARGV[16] .. node, ARGV[1]) end

redis.call('HSET', KEYS[1], 'row', ARGV[8], 'state', ARGV[5], 'epoch', ARGV[6], 'version', ARGV[7], 'claims', ARGV[11], 'nodes', ARGV[12])
if KEYS[3] ~= KEYS[4] then
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZADD', KEYS[4], ARGV[1], ARGV[1])
end
if ARGV[9] == '' then
  redis.call('ZREM', KEYS[5], ARGV[10])
else
  redis.call('ZADD', KEYS[5], ARGV[9], ARGV[10])
end
if ARGV[19] == '1' then
  redis.call('INCR', KEYS[7])
  earlier = earlier + 1
end
if ARGV[21] ~= '' and ARGV[2] ~= ARGV[5] then
  redis.call('HINCRBY', KEYS[9], ARGV[2], -1)
  redis.call('HINCRBY', KEYS[9], ARGV[5], 1)
  if ARGV[22] == '1' then redis.call('SREM', KEYS[10], ARGV[1]) end
  if ARGV[5] == 'failed' then redis.call('HSET', KEYS[11], ARGV[21], ARGV[23]) end
end
for _, line in ipairs(cjson.decode(ARGV[13])) do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[14], '*', 'epoch', ARGV[6], 'at', ARGV[15], 'type', line.type, 'message', line.message)
end
redis.call('XADD', ARGV[24], 'MAXLEN', '~', ARGV[25], '*', 'job', ARGV[1], 'version', ARGV[7])
redis.call('PUBLISH', ARGV[17], ARGV[1])
return {1}
`;
