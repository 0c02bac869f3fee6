-- parts:
-- The chatrooms that a user is a member of. Or how many bytes that needs, if more than *bytes*.
local rooms = call('HKEYS', KEYS[1] .. ':rooms')
return within(ARGV[1], rooms) or rooms
