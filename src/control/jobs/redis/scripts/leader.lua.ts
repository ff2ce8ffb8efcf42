/**
 * Takes or renews the scheduler's lease. Redis's own clock ends it, so nobody's clock needs to be right.
 *
 * KEYS  1 leader  2 leader:fence
 * ARGV  1 holder  2 milliseconds
 * Returns  the fence of the holder; 0 another holds it
 */
export const leaderAcquireLua = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if holder then return tonumber(redis.call('GET', KEYS[2])) end
return redis.call('INCR', KEYS[2])
`;

/** KEYS 1 leader  ARGV 1 holder. Ends the holder's own lease only. */
export const leaderReleaseLua = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`;
