"""Programs that use a client library as they are told, and report all that it does.

Each library has one. All speak the same protocol, so that one judge serves them all: JSON objects,
one a line. A program reads its *job* as the first line of its standard input, then *commands*. It
writes *reports* to its standard output, each at once. Its standard error is for people. A program
of a browser is a Python script that runs the page and hands on the lines.

**Job**: ``{"clients": [CLIENT, …]}``. The program makes one client of the library for each, in one
process.

========= ===========================================================================================
user      the id that the client logs in with
url       of the gateway, as in ``ws://127.0.0.1:8080``
after     seconds from the start of the program until the client connects
rooms     list of ids of chatrooms to join
to        list of targets: a user id, or ``{"chatroom": ID}``
sends     how many messages to send
pause     seconds from one send to the next
window    how many sends may have no end yet; the next one waits
fill      what the library does with gaps: ``none``, ``newest`` or ``all``
store     path of the file in which the library keeps its state; null for memory
========= ===========================================================================================

**What a client does.** It connects. After each event ``reset`` with the reason ``start`` or
``epoch`` it joins its rooms. It repeats a join that fails 0.2 s later, until it succeeds or the
next such ``reset`` begins anew. After the command ``send`` it sends message 0, 1, 2 … *sends* - 1:
number *n* goes to ``to[n % len(to)]`` with the content ``"USER N"``, such as ``"1001 7"``. It does
not wait for the end of a send, except as *window* says. It does not wait to be online either. It
never repeats a send itself.

**Commands**: ``{"do": "send"}`` begins the sends. ``{"do": "stop"}`` ends them: those that were
called go on. ``{"do": "wake"}`` calls ``wake()`` of each client. ``{"do": "close"}`` closes all
clients, each with ``close()`` of the library; after that the program ends with the status 0. The
end of the standard input does so, too.

**Reports** have ``is``, ``at`` (Unix seconds, a float) and ``user``. They come in the order in
which the library told it. A field that the library does not know is null.

======== ============================================================= =========================
is       further fields                                                when
======== ============================================================= =========================
state    now, delay, code, reason                                      event ``state``
reset    reason                                                        event ``reset``
joined   room                                                          a join succeeded
call     number, request_id, to, content                               a send was called
end      number, request_id, how: ``sent``; id, session_id, sequence   its promise was fulfilled
end      number, request_id, how: ``uncertain``, ``failed``; code, msg its promise was rejected
sent     request_id, id                                                event ``sent``
failed   request_id, code                                              event ``failed``
message  id, session_id, sender (a user id), content, sequence, status event ``message``
gap      session_id, after, before, skipped                            event ``gap``
error    code, msg                                                     event ``error``
done                                                                   all its sends have ended
closed                                                                 ``close()`` has returned
======== ============================================================= =========================

A client with ``sends`` 0 is never ``done``. After ``stop`` a client is ``done`` once all that it
called has ended.
"""
