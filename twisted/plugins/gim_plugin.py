"""Makes ``twistd gim`` and ``twist gim`` known to Twisted; gim itself is imported only when it is run."""

from twisted.application.service import ServiceMaker

gim = ServiceMaker("gim", "gim.tap", "A simple and fast instant-messaging server.", "gim")
