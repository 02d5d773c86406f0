-- People with a device, and how many devices they have on average: no sum, so it is counted in full, region by region.
SELECT region, COUNT(DISTINCT owner_id) AS owners, COUNT(*) / COUNT(DISTINCT owner_id) AS devices_each
FROM devices
WHERE region = %(region)s AND owner_id IS NOT NULL
GROUP BY region
