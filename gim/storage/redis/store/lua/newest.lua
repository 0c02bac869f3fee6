-- parts: session
-- The id of the newest message, '' for none.
return newest(KEYS[1], floor_of(ARGV[1]), '', 1)[1] or ''
