-- A row for each device that counts; `migration statistics` sums them by region and model.
SELECT id AS device_id, region, model, 1 AS devices
FROM devices
WHERE status = %(status)s
