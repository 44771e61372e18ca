"""The device page in a real browser, on a real box: `edge run`, a broker, a rendered street."""
