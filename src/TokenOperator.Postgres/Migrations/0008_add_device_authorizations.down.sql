drop table token_operator_devices;
