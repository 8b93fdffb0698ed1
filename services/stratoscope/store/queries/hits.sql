-- Hits: found once, kept, and published from here.

-- name: advance
-- How far partitions were watched, and by which breakpoints: only by who still holds them. It is not
-- waited for the disk: what a crash takes of it is judged once more, to the same end.
update watch
set stream_seq = held.stream_seq, revision = held.revision
from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[])
    as held(partition, epoch, stream_seq, revision)
where watch.partition = held.partition and watch.epoch = held.epoch
returning set_config('synchronous_commit', 'off', true)

-- name: keep
-- All that a batch has led to in one statement, or nothing where the lease was lost. It is only
-- waited for the disk where that is asked for ($21): a crash that takes hits and counts takes how far
-- was watched with them, and all of it is found again in the log, under the same ids.
with held as (
         select * from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[])
             as held(partition, epoch, stream_seq, revision)
     ),
     -- Locked before anything is moved: of several partitions one may be somebody else's by now.
     locked as (
         select from watch join held using (partition, epoch)
         order by partition for update of watch
     ),
     allowed as (select count(*) = cardinality($1::smallint[]) as is_ours from locked),
     moved as (
         update watch
         set stream_seq = held.stream_seq, revision = held.revision
         from held
         where watch.partition = held.partition and watch.epoch = held.epoch
           and (select is_ours from allowed)
     ),
     kept as (
         insert into hit (hit_id, breakpoint_id, session_id, partition, space, agent, stream_seq,
                          ordinal, event_index, created_at, action, body)
         select new.hit_id, breakpoint_id, session_id, partition, space, agent, stream_seq,
                ordinal, event_index, $5, action, body::json
         from unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::smallint[], $10::text[], $11::text[],
                     $12::bigint[], $13::integer[], $14::bigint[], $15::text[], $16::text[])
             as new(hit_id, breakpoint_id, session_id, partition, space, agent, stream_seq,
                    ordinal, event_index, action, body)
         where (select is_ours from allowed)
         on conflict (hit_id) do nothing
         returning hit_id
     ),
     counted as (
         insert into hit_count as known (breakpoint_id, agent, matches, hits)
         select breakpoint_id, agent, matches, hits
         from unnest($17::uuid[], $18::text[], $19::bigint[], $20::bigint[])
             as new(breakpoint_id, agent, matches, hits)
         where (select is_ours from allowed)
         on conflict (breakpoint_id, agent) do update
         set matches = known.matches + excluded.matches, hits = known.hits + excluded.hits
     )
select is_ours, array(select hit_id from kept) as kept,
       case when not $21::boolean then set_config('synchronous_commit', 'off', true) end
from allowed

-- name: matches
-- How often conditions were met so far.
select breakpoint_id, agent, matches
from unnest($1::uuid[], $2::text[]) as asked(breakpoint_id, agent)
join hit_count using (breakpoint_id, agent)

-- name: unpublished
-- Hits of a partition that nobody said were published, in the order of the log: at most $2 of them
-- and, but for the last one, $3 bytes.
select hit_id, space, agent, body, created_at
from (
    select stream_seq, ordinal, hit_id, space, agent, body, created_at,
           sum(octet_length(body)) over (order by stream_seq, ordinal, hit_id)
               - octet_length(body) as bytes_before
    from (
        select stream_seq, ordinal, hit_id, space, agent, body::text as body, created_at
        from hit
        where partition = $1::smallint and published_at is null
        order by stream_seq, ordinal, hit_id
        limit $2
    ) as waiting
) as measured
where bytes_before < $3::bigint
order by stream_seq, ordinal, hit_id

-- name: published
update hit set published_at = $2 where hit_id = any($1::uuid[])

-- name: traceparents
-- Of which traces records are, in the order in which they are asked for.
select coalesce(event.traceparent, version.traceparent) as traceparent
from unnest($1::integer[], $2::bigint[], $3::integer[], $4::boolean[]) with ordinality
    as wanted(agent_id, event_index, version, is_event, place)
left join event
    on wanted.is_event and event.agent_id = wanted.agent_id
    and event.event_index = wanted.event_index
left join state_version as version
    on not wanted.is_event and version.agent_id = wanted.agent_id
    and version.version = wanted.version
order by wanted.place
