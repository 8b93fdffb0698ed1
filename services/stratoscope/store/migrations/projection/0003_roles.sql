alter table agent add column row_lock boolean check (row_lock is null);
comment on column agent.row_lock is 'Always null. The navigator''s role has the right to update this column only: Postgres asks for such a right before it locks a row for key share.';
