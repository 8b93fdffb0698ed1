alter table dead_letter add column emptied_at timestamptz;
comment on column dead_letter.emptied_at is 'When headers and body were removed by age; the verdict stays as long as the log has the message.';
create index dead_letter_whole on dead_letter (recorded_at) where emptied_at is null;

create function empty_dead_letters(recorded_before timestamptz, at_a_time integer) returns bigint
language plpgsql security definer set search_path = strato, pg_temp as $$
declare
    emptied bigint;
begin
    update dead_letter
    set headers = '{}', body = '', emptied_at = now()
    where stream_seq in (
        select stream_seq from dead_letter
        where emptied_at is null and published_at is not null
          -- What is younger than the smallest setting stays, whatever the caller asks for.
          and recorded_at < least(recorded_before, now() - interval '1 day')
        order by recorded_at
        limit at_a_time
        for update skip locked
    );
    get diagnostics emptied = row_count;
    return emptied;
end
$$;
comment on function empty_dead_letters is 'Removes headers and bodies of the oldest published dead letters from before a moment, but none of the last day. The verdict stays: a rebuild repeats it. It runs with the rights of the owner.';
revoke execute on function empty_dead_letters from public;

create function remove_dead_letters(first_seq bigint, at_a_time integer) returns bigint
language plpgsql security definer set search_path = strato, pg_temp as $$
declare
    removed bigint;
begin
    delete from dead_letter
    where stream_seq in (
        select stream_seq from dead_letter
        -- Up to the oldest that is whole, which the index has: those behind it are not read.
        where stream_seq < least(first_seq, (
            select stream_seq from dead_letter
            where emptied_at is null order by recorded_at limit 1
        ))
          and emptied_at is not null
        order by stream_seq
        limit at_a_time
        for update skip locked
    );
    get diagnostics removed = row_count;
    return removed;
end
$$;
comment on function remove_dead_letters is 'Removes emptied dead letters of messages that the log has lost: those before its first. It runs with the rights of the owner.';
revoke execute on function remove_dead_letters from public;

alter table session add column kept_bytes bigint not null default 0;
comment on column session.kept_bytes is 'Bytes of its values, as JSON text, and of the notes of its marks.';
update session set kept_bytes =
    coalesce(
        (select sum(octet_length(value::text)) from session_value where session_id = session.id), 0
    ) + coalesce(
        (select sum(octet_length(note)) from session_mark where session_id = session.id), 0
    );
