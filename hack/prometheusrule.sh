#!/usr/bin/env bash
# Prints config/monitoring/prometheusrule.yaml, generated from config/monitoring/rules.yaml.
set -euo pipefail

cat <<'HEAD'
# Generated from rules.yaml by `make prometheusrule`. Edit rules.yaml instead.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: token-operator
  namespace: token-operator-system
  labels:
    app.kubernetes.io/name: token-operator
    app.kubernetes.io/component: monitoring
spec:
HEAD
sed -e '/^#/d' -e 's/^\(.\)/  \1/' "$(dirname "${BASH_SOURCE[0]}")/../config/monitoring/rules.yaml"
