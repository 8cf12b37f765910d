{{/* The name of the release's objects. A Service has the strictest rules for it. */}}
{{- define "token-operator.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $fullname := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- $fullname = .Values.fullnameOverride | default $fullname | trunc 50 | trimSuffix "-" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $fullname) -}}
{{- fail (printf "the full name is %q, which a Service cannot have: set fullnameOverride to a name that starts with a letter and consists of lower-case letters, digits and hyphens" $fullname) -}}
{{- end -}}
{{- $fullname -}}
{{- end }}

{{- define "token-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "token-operator.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{- define "token-operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{/* The labels of the pods, by which the Deployment, the Service and the policies select them. They cannot change in an upgrade. */}}
{{- define "token-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: manager
{{- end }}

{{/* The labels of an object. Takes the root context and a component. */}}
{{- define "token-operator.labels" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ $.Chart.Name }}
app.kubernetes.io/instance: {{ $.Release.Name | quote }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/part-of: token-operator
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" }}
{{- with $.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The rules of the operator in a namespace that it serves, or in all of them. */}}
{{- define "token-operator.rules" -}}
{{- $role := .Files.Get "files/role.yaml" | fromYaml -}}
{{- toYaml $role.rules -}}
{{- end }}

{{- define "token-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "token-operator.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}

{{/* The settings as YAML, by name. They are variables of the pods, which a change restarts. */}}
{{- define "token-operator.settings" -}}
{{- $settings := dict -}}
{{- with .Values.namespaces }}{{ $_ := set $settings "Namespaces" (join "," .) }}{{ end -}}
{{- with .Values.providers }}{{ $_ := set $settings "ProviderFolder" "/etc/token-operator/providers" }}{{ end -}}
{{- with .Values.selfService -}}
{{- if .publicUrl -}}
{{- $_ := set $settings "SelfService__PublicUrl" .publicUrl -}}
{{- if ne (int .port) 8081 }}{{ $_ := set $settings "SelfService__Port" (toString .port) }}{{ end -}}
{{- with .linkLifetime }}{{ $_ := set $settings "SelfService__LinkLifetime" . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with .Values.metrics.secure -}}
{{- if .enabled }}{{ $_ := set $settings "Metrics__Port" (toString .port) }}{{ end -}}
{{- if and .enabled .certificateSecret }}{{ $_ := set $settings "Metrics__CertificateFolder" "/etc/token-operator/metrics-certificate" }}{{ end -}}
{{- end -}}
{{- with .Values.proxy.https }}{{ $_ := set $settings "HTTPS_PROXY" . }}{{ end -}}
{{- with .Values.proxy.http }}{{ $_ := set $settings "HTTP_PROXY" . }}{{ end -}}
{{- with .Values.proxy.noProxy }}{{ $_ := set $settings "NO_PROXY" . }}{{ end -}}
{{- range $name, $value := .Values.settings -}}
{{- if hasKey $settings $name }}{{ fail (printf "settings.%s is also set by another value of the chart: remove it from settings" $name) }}{{ end -}}
{{- /* Helm reads every number of a file as a float64, which toString writes with an exponent if it is large. */ -}}
{{- $_ := set $settings $name (kindIs "float64" $value | ternary (toJson $value) (toString $value)) -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end }}

{{/* The variables that the chart sets unless settings or extraEnv names them, as a YAML list. */}}
{{- define "token-operator.defaultEnv" -}}
{{- with .Values.postgres.key }}
- name: DATABASE_URL_FILE
  value: /etc/token-operator/postgres/{{ . }}
{{- end }}
{{- with .Values.postgres.ca }}
{{- if or .existingSecret .existingConfigMap }}
- name: PGSSLMODE
  value: verify-full
- name: PGSSLROOTCERT
  value: /etc/token-operator/postgres-ca/{{ .key }}
{{- end }}
{{- end }}
- name: Encryption__KeyringPath
  value: /etc/token-operator/keys
- name: DOTNET_EnableDiagnostics
  value: "0"
- name: DOTNET_DbgEnableMiniDump
  value: "0"
- name: SSL_CERT_DIR
  value: /etc/ssl/certs:/etc/token-operator/ca
{{- if ne (include "token-operator.fullname" .) "token-operator" }}
# Another release in this namespace has a lease of its own.
- name: LeaderElection__LeaseName
  value: {{ include "token-operator.fullname" . | quote }}
{{- end }}
{{- end }}

{{/* All variables of the container, as a YAML list. The API server refuses a list with the same name twice. */}}
{{- define "token-operator.env" -}}
{{- $named := list -}}
{{- $names := list -}}
{{- range $name, $value := include "token-operator.settings" . | fromYaml -}}
{{- $named = append $named (dict "name" $name "value" $value) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if has .name $names }}{{ fail (printf "extraEnv has %s, which extraEnv or another value of the chart also sets: remove one of them" .name) }}{{ end -}}
{{- $named = append $named . -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- $default := list -}}
{{- range include "token-operator.defaultEnv" . | fromYamlArray -}}
{{- if not (has .name $names) }}{{ $default = append $default . }}{{ end -}}
{{- end -}}
{{- concat $default $named | toYaml -}}
{{- end }}

{{/* "true" if the operator has rights for ClusterOAuthProviders. */}}
{{- define "token-operator.clusterProviders" -}}
{{- if hasKey .Values.settings "ClusterProviders" -}}
{{- toString .Values.settings.ClusterProviders -}}
{{- else -}}
{{- empty .Values.namespaces -}}
{{- end -}}
{{- end }}

{{/* The pod's security context, without the IDs that the platform assigns. */}}
{{- define "token-operator.podSecurityContext" -}}
{{- $assigned := eq (toString .Values.platformAssignsIds) "true" -}}
{{- if eq (toString .Values.platformAssignsIds) "auto" }}{{ $assigned = .Capabilities.APIVersions.Has "security.openshift.io/v1" }}{{ end -}}
{{- if $assigned -}}
{{- omit .Values.podSecurityContext "runAsUser" "runAsGroup" "fsGroup" | toYaml -}}
{{- else -}}
{{- toYaml .Values.podSecurityContext -}}
{{- end -}}
{{- end }}

{{/* The ports of the proxies that the NetworkPolicy does not allow anyway, as a JSON list. */}}
{{- define "token-operator.proxyPorts" -}}
{{- $ports := .Values.proxy.ports | default list -}}
{{- range include "token-operator.env" . | fromYamlArray -}}
{{- if and .value (has .name (list "HTTPS_PROXY" "HTTP_PROXY" "ALL_PROXY")) -}}
{{- $port := regexFind ":[0-9]+(/|$)" .value | trimAll ":/" | default (hasPrefix "https:" .value | ternary "443" (hasPrefix "socks" .value | ternary "1080" "80")) | int -}}
{{- $ports = append $ports $port -}}
{{- end -}}
{{- end -}}
{{- $other := list -}}
{{- range $ports -}}
{{- if not (has (int .) (list 443 6443 8443 5432)) }}{{ $other = append $other (int .) }}{{ end -}}
{{- end -}}
{{- uniq $other | toJson -}}
{{- end }}
