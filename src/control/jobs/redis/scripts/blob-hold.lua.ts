/**
 * A node has blobs, or (with an end of 0) does not have them; either way it no longer fetches them.
 *
 * KEYS  holders and fetcher of each blob, in turn
 * ARGV  1 node  2 node with its address  3 end, or 0  4 milliseconds until the whole entry may go
 * Returns  1
 */
export const blobHoldLua = `
for index = 1, #KEYS, 2 do
  local fetcher = redis.call('GET', KEYS[index + 1])
  if fetcher and string.match(fetcher, '^[^ ]+') == ARGV[1] then redis.call('DEL', KEYS[index + 1]) end
  if ARGV[3] == '0' then
    redis.call('ZREM', KEYS[index], ARGV[2])
  else
    redis.call('ZADD', KEYS[index], ARGV[3], ARGV[2])
    redis.call('PEXPIRE', KEYS[index], ARGV[4])
  end
end
return 1
`;
