"""Runs gim under ``twistd -ny gim.tac``; options come from the environment variable GIM_OPTIONS, as on a
command line, from GIM_WS and the like, and from the file that GIM_CONFIG names."""

import os
import shlex

from twisted.application.service import Application

from gim.tap import Options, makeService

options = Options()
options.parseOptions(shlex.split(os.environ.get("GIM_OPTIONS", "")))

application = Application("gim")
makeService(options).setServiceParent(application)
