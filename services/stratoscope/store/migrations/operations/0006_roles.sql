-- The navigator's role may not delete from the audit: it sweeps by this function.

create function remove_audit(done_before timestamptz, at_a_time integer) returns bigint
language plpgsql security definer set search_path = strato, pg_temp as $$
declare
    removed bigint;
begin
    perform set_config('strato.sweeps_audit', 'on', true);
    delete from audit
    where audit_id in (
        select audit_id from audit
        -- What is younger than the smallest setting stays, whatever the caller asks for.
        where done_at < least(done_before, now() - interval '1 day')
        order by audit_id
        limit at_a_time
    );
    get diagnostics removed = row_count;
    perform set_config('strato.sweeps_audit', '', true);
    return removed;
end
$$;
comment on function remove_audit is 'Removes the oldest entries of the audit from before a moment, but none of the last day. It runs with the rights of the audit''s owner.';
revoke execute on function remove_audit from public;
