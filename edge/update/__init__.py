"""Update: a signed bundle becomes the release in service, or nothing at all has happened.

`signature` judges a minisign signature and is pure, `bundle` reads what a bundle says it is,
`releases` knows the folder of releases and turns its link, `trial` is the straight line through all
steps, `examine` has a release run `selfcheck` with its own interpreter, and `service` talks to
systemd.
"""
