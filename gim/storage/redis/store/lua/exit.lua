-- parts: person
-- The users' part of the end of their memberships in a chatroom, and its announcements: *why* is '' if they left. May
-- be repeated; returns 1 for each who was a member, else 0. On a cluster it is called for each user.
local publish, chatroom, keep, why, by = unpack(ARGV)
local were = {}
for at, U in ipairs(KEYS) do
  local was = exit(U, chatroom, keep)
  if was then call(publish, U, cmsgpack.pack({'l', ARGV[5 + at], chatroom, why, by})) end
  were[at] = was and 1 or 0
end
return were
