"""Runs gim under ``twistd -ny gim.tac``; options come from the environment variable GIM_OPTIONS."""

import os
import shlex

from twisted.application.service import Application

from gim.tap import Options, makeService

options = Options()
options.parseOptions(shlex.split(os.environ.get("GIM_OPTIONS", "--ws 8080 --http 8081")))

application = Application("gim")
makeService(options).setServiceParent(application)
