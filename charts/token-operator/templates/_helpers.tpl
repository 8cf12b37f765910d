{{- define "token-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
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
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: manager
{{- end }}

{{/* The labels of an object. Takes the root context and a component. */}}
{{- define "token-operator.labels" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ $.Chart.Name }}
app.kubernetes.io/instance: {{ $.Release.Name }}
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
  name: {{ include "token-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
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
{{- $ports := list -}}
{{- range $address := list .Values.proxy.https .Values.proxy.http (get .Values.settings "ALL_PROXY") -}}
{{- if $address -}}
{{- $port := regexFind ":[0-9]+$" (urlParse $address).host | trimPrefix ":" | default (hasPrefix "https:" $address | ternary "443" (hasPrefix "socks" $address | ternary "1080" "80")) | int -}}
{{- if not (has $port (list 443 6443 8443 5432)) }}{{ $ports = append $ports $port | uniq }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $ports -}}
{{- end }}
