/**
 * Records a node's sync. A new boot makes the node lost; a lost node stays lost until the schedule loop readmits it.
 * The boot-time clock orders the syncs of one boot, over restarts of the agent too; syncs of an earlier boot that arrive
 * late are known by its id.
 *
 * KEYS  1 node  2 nodes
 * ARGV  1 name  2 incarnation  3 boot id  4 sentAt  5 address  6 facts JSON  7 now  8 earlier boots remembered
 * Returns  {1, state, joinedAt, controls JSON or ""}; {-1} never joined; {-2} a later sync was recorded
 */
export const nodeSyncLua = `
local node = redis.call('HMGET', KEYS[1], 'joinedAt', 'state', 'bootId', 'sentAt', 'retiredBoots', 'facts')
if not node[1] then return {-1} end
local state = 'ready'
local retired = cjson.decode(node[5] or '[]')
if node[3] == ARGV[3] then
  if tonumber(ARGV[4]) <= tonumber(node[4]) then return {-2} end
  if node[2] == 'lost' then state = 'lost' end
elseif node[3] then
  for _, boot in ipairs(retired) do if boot == ARGV[3] then return {-2} end end
  table.insert(retired, 1, node[3])
  while #retired > tonumber(ARGV[8]) do table.remove(retired) end
  redis.call('HSET', KEYS[1], 'retiredBoots', cjson.encode(retired))
  state = 'lost'
end
redis.call('HSET', KEYS[1], 'name', ARGV[1], 'incarnation', ARGV[2], 'bootId', ARGV[3], 'sentAt', ARGV[4], 'address', ARGV[5], 'lastSeenAt', ARGV[7], 'state', state)
if node[6] ~= ARGV[6] then redis.call('HSET', KEYS[1], 'facts', ARGV[6]) end
redis.call('SADD', KEYS[2], ARGV[1])
return {1, state, node[1], redis.call('HGET', KEYS[1], 'controls') or ''}
`;
