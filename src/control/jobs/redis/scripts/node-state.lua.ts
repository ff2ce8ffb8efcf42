/**
 * Changes a node's state if it has not synced since, and nobody else changed it.
 *
 * KEYS  1 node
 * ARGV  1 lastSeenAt  2 state (as read)  3 incarnation (as read)  4 new state
 * Returns  1; 0 it has synced or changed
 */
export const nodeStateLua = `
local node = redis.call('HMGET', KEYS[1], 'lastSeenAt', 'state', 'incarnation')
if node[1] ~= ARGV[1] or node[2] ~= ARGV[2] or node[3] ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[4])
return 1
`;
