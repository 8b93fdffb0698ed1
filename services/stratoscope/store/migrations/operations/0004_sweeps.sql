create index session_ending on session (ends_at) where state in ('created', 'active', 'paused');
create index breakpoint_ending on breakpoint (ends_at)
    where is_enabled and removed_at is null and ends_at is not null;

create or replace function refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('strato.sweeps_audit', true) = 'on' then
        return null;
    end if;
    raise exception 'strato.audit is only added to';
end
$$;
comment on table audit is 'Who held, imported, rebuilt, dropped and erased what, and when. It is only added to; what is older than a setting is swept.';
