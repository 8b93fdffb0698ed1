-- What operators keep with a session: positions with a name, and values.

-- name: put_mark
-- One of that name is moved.
with kept as (
    insert into session_mark
        (session_id, name, note, event_index, stream_seq, ordinal, clock, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (session_id, name) do update
    set note = excluded.note, event_index = excluded.event_index, stream_seq = excluded.stream_seq,
        ordinal = excluded.ordinal, clock = excluded.clock, created_at = excluded.created_at
)
update session
set kept_bytes = kept_bytes + more.bytes
from (
    select coalesce(octet_length($3), 0) - coalesce(
        -- As it was before this statement.
        (select octet_length(note) from session_mark where session_id = $1 and name = $2), 0
    ) as bytes
) as more
where id = $1
returning more.bytes

-- name: marks
select name, note, event_index, stream_seq, ordinal, clock, created_at
from session_mark
where session_id = $1
order by name

-- name: mark
select name, note, event_index, stream_seq, ordinal, clock, created_at
from session_mark
where session_id = $1 and name = $2

-- name: forget_mark
with gone as (
    delete from session_mark where session_id = $1 and name = $2 returning name, note
), counted as (
    update session
    set kept_bytes = kept_bytes - (select coalesce(octet_length(note), 0) from gone)
    where id = $1 and exists (select from gone)
)
select name from gone

-- name: has_room_for_mark
select count(*) filter (where name <> $2) < $3 from session_mark where session_id = $1

-- name: put_value
with kept as (
    insert into session_value (session_id, key, value)
    values ($1, $2, $3::json)
    on conflict (session_id, key) do update set value = excluded.value
)
update session
set kept_bytes = kept_bytes + more.bytes
from (
    select octet_length($3::json::text) - coalesce(
        -- As it was before this statement.
        (select octet_length(value::text) from session_value where session_id = $1 and key = $2), 0
    ) as bytes
) as more
where id = $1
returning more.bytes

-- name: value
select value from session_value where session_id = $1 and key = $2

-- name: values
select key, value from session_value where session_id = $1 order by key

-- name: has_room_for_value
select count(*) filter (where key <> $2) < $3 from session_value where session_id = $1
