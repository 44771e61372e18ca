"""Identity: who this box is to a broker.

`key` makes the key, which never leaves the box; `certificate` judges what an authority sent, pure
but for the files; `est` asks an authority over the network; `acl` is what the broker is told.
"""
