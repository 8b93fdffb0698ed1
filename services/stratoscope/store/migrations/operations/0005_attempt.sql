create table attempt (
    stream_seq bigint primary key,
    attempts integer not null
);
comment on table attempt is 'Large messages that a projector is reading: what is left by one that died names the message that killed it.';
comment on column attempt.attempts is 'How often it was begun and neither finished nor given up.';
