-- parts: session
-- The id of the newest message, '' for none.
return newest(KEYS[1], now_ms() - ARGV[1], '', 1)[1] or ''
