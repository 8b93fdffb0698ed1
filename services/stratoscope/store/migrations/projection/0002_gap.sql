alter table taint add column gap json;
comment on table taint is 'Where a patch did not apply, or the recorder dropped records: the agent''s state is not to be trusted from there until its next snapshot.';
comment on column taint.gap is 'What the event that stands here says of the records dropped before it; null for a refused record.';
