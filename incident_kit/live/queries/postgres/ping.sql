-- Does it answer, and what time has it?
SELECT clock_timestamp() AS server_time
