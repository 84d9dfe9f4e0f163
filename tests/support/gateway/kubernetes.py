"""The variables that Kubernetes sets in a pod beside services called `bff` and `bff-admin`."""

KUBERNETES = {
    "BFF_SERVICE_HOST": "10.0.0.1",
    "BFF_SERVICE_PORT": "8080",
    "BFF_SERVICE_PORT_HTTP": "8080",
    "BFF_PORT": "tcp://10.0.0.1:8080",
    "BFF_PORT_8080_TCP": "tcp://10.0.0.1:8080",
    "BFF_PORT_8080_TCP_PROTO": "tcp",
    "BFF_PORT_8080_TCP_PORT": "8080",
    "BFF_PORT_8080_TCP_ADDR": "10.0.0.1",
    "BFF_ADMIN_SERVICE_HOST": "10.0.0.2",
    "BFF_ADMIN_PORT": "tcp://10.0.0.2:80",
    "BFF_METRICS_PORT": "tcp://10.0.0.3:9100",
}
