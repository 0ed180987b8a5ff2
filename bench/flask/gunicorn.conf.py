"""One worker with one thread, which keeps connections alive."""

bind = "127.0.0.1:0"
workers = 1
worker_class = "gthread"
threads = 1
graceful_timeout = 1
loglevel = "warning"
control_socket_disable = True


def when_ready(server):
    print(f"serves {server.LISTENERS[0]}", flush=True)
