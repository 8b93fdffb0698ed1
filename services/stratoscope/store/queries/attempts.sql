-- Which large messages are being read, so that one that kills the process is known afterwards.

-- name: begin
insert into strato.attempt as known (stream_seq, attempts) values ($1, 1)
on conflict (stream_seq) do update set attempts = known.attempts + 1
returning attempts

-- name: give_up
update strato.attempt set attempts = greatest(attempts - 1, 0) where stream_seq = $1

-- name: finish
delete from strato.attempt where stream_seq = $1
