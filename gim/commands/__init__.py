"""The commands of ``gim``, one module each: ``add(parser)`` declares its arguments, ``run(args)`` runs it
and returns the exit status."""
