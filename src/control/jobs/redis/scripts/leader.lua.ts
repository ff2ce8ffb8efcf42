/**
 * Takes or renews the scheduler's lease. Redis's own clock ends it, so no replica's needs to be right; should that be set
 * back, the lease of a dead leader lasts longer, and others depose it (leader.ts).
 *
 * KEYS  1 leader  2 leader:fence  3 leader:renewals
 * ARGV  1 holder  2 milliseconds
 * Returns  the fence of the holder; 0 another holds it
 */
export const leaderAcquireLua = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('INCR', KEYS[3])
if holder then return tonumber(redis.call('GET', KEYS[2])) end
return redis.call('INCR', KEYS[2])
`;

/** KEYS 1 leader  2 leader:renewals. Returns "<holder> <renewals>", "" while nobody holds it. */
export const leaderStandingLua = `
local holder = redis.call('GET', KEYS[1])
if not holder then return '' end
return holder .. ' ' .. (redis.call('GET', KEYS[2]) or '')
`;

/** KEYS 1 leader  2 leader:renewals  ARGV 1 as leaderStandingLua returned it. */
export const leaderDeposeLua = `
local holder = redis.call('GET', KEYS[1])
if holder and holder .. ' ' .. (redis.call('GET', KEYS[2]) or '') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`;

/** KEYS 1 leader  ARGV 1 holder. Ends the holder's own lease only. */
export const leaderReleaseLua = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`;
