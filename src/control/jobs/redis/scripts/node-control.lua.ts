/**
 * Writes a node's controls if nobody else has since they were read.
 *
 * KEYS  1 node
 * ARGV  1 controls JSON as read, "" for none  2 new controls JSON
 * Returns  1; 0 they have changed; -1 the node is gone
 */
export const nodeControlLua = `
local node = redis.call('HMGET', KEYS[1], 'joinedAt', 'controls')
if not node[1] then return -1 end
if (node[2] or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'controls', ARGV[2])
return 1
`;
