"""NATS and JetStream: connections, streams, publishing, the puller, request-reply, object store."""
