drop table token_operator_consents;
