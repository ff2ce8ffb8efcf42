/**
 * Who has a blob, and whether the asking node fetches it from the registry.
 *
 * KEYS  1 holders  2 fetcher
 * ARGV  1 node  2 node with its address  3 now  4 lease, milliseconds  5 most holders  6 "1" when the holders could not give it
 * Returns  {1 when the node fetches it, fetcher with its address or "", holders with their addresses...}
 */
export const blobClaimLua = `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
local found = redis.call('ZRANDMEMBER', KEYS[1], tonumber(ARGV[5]) + 1)
local holders = {}
for _, member in ipairs(found) do
  if string.match(member, '^[^ ]+') ~= ARGV[1] and #holders < tonumber(ARGV[5]) then holders[#holders + 1] = member end
end
local fetcher = redis.call('GET', KEYS[2])
local mine = fetcher and string.match(fetcher, '^[^ ]+') == ARGV[1]
if mine or (not fetcher and (#holders == 0 or ARGV[6] == '1')) then
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
  return {1, '', unpack(holders)}
end
return {0, fetcher or '', unpack(holders)}
`;
