-- Removing dead letters by age, a few rows at a time.

-- name: empty
select empty_dead_letters($1, $2)

-- name: remove
select remove_dead_letters($1, $2)
