/**
 * Admits a node under its name with a new credential.
 *
 * KEYS  1 node
 * ARGV  1 sha256 of the credential  2 now
 * Returns  1; -1 a living node has the name
 */
export const nodeJoinLua = `
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'lost' then return -1 end
redis.call('HSET', KEYS[1], 'credential', ARGV[1])
redis.call('HSETNX', KEYS[1], 'joinedAt', ARGV[2])
return 1
`;
