{{/* The Secret with the secret as which items-service shows who it is. */}}
{{- define "tandem.feedClientSecret" -}}
{{- .Values.global.feedClient.existingSecret | default (include "microservice.partName" (dict "release" .Release.Name "name" "feed-client")) -}}
{{- end -}}

{{/* The Secret with the superuser's password; empty where nobody is made a superuser. */}}
{{- define "tandem.superuserSecret" -}}
{{- with .Values.global.superuser.existingSecret -}}
{{- . -}}
{{- else -}}
{{- if eq .Values.global.environment "local" -}}
{{- include "microservice.partName" (dict "release" .Release.Name "name" "superuser") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tandem.authServiceName" -}}
{{- include "microservice.partName" (dict "release" .Release.Name "name" "auth-service") -}}
{{- end -}}

{{- define "tandem.itemsServiceName" -}}
{{- include "microservice.partName" (dict "release" .Release.Name "name" "items-service") -}}
{{- end -}}

{{- define "tandem.gatewayName" -}}
{{- include "microservice.partName" (dict "release" .Release.Name "name" "gateway") -}}
{{- end -}}

{{- define "tandem.postgresqlName" -}}
{{- include "microservice.partName" (dict "release" .Release.Name "name" "postgresql") -}}
{{- end -}}

{{- define "tandem.valkeyName" -}}
{{- include "microservice.partName" (dict "release" .Release.Name "name" "valkey") -}}
{{- end -}}

{{/* "true" where the release brings its own way in. */}}
{{- define "tandem.hasGateway" -}}
{{- if and .Values.gateway.enabled (not (or .Values.global.ingress.enabled .Values.global.httpRoute.enabled)) -}}true{{- end -}}
{{- end -}}

{{/* The services whose database is in the small PostgreSQL, as JSON: name of the service and of its database. */}}
{{- define "tandem.releaseDatabases" -}}
{{- $databases := dict -}}
{{- range $name, $database := dict "auth-service" "auth" "items-service" "items" -}}
{{- if include "microservice.usesReleaseDatabase" (index $.Subcharts $name) -}}
{{- $_ := set $databases $name $database -}}
{{- end -}}
{{- end -}}
{{- toJson $databases -}}
{{- end -}}

{{/* Takes the `context` and the `name` of a part that is no instance of the microservice chart. */}}
{{- define "tandem.selectorLabels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .context.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- define "tandem.labels" -}}
{{ include "tandem.selectorLabels" . }}
app.kubernetes.io/version: {{ .context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
app.kubernetes.io/part-of: tandem
helm.sh/chart: {{ printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Pod Security "restricted" for a user whose number is given. */}}
{{- define "tandem.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "tandem.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  readOnlyRootFilesystem: true
{{- end -}}

{{/* Nobody's pods but those named may reach this part, and it reaches nobody. Takes `context`, `name`, `callers`, `port`. */}}
{{- define "tandem.closedNetworkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "microservice.partName" (dict "release" .context.Release.Name "name" .name) }}
  labels:
    {{- include "tandem.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "tandem.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        {{- range .callers }}
        - podSelector:
            matchLabels:
              app.kubernetes.io/name: {{ . }}
              app.kubernetes.io/instance: {{ $.context.Release.Name }}
        {{- end }}
      ports:
        - {protocol: TCP, port: {{ .port }}}
{{- end -}}

{{/* Egress rules of those who call both services. */}}
{{- define "tandem.egressToServices" -}}
- to:
    {{- toYaml .Values.global.networkPolicy.dns | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
- to:
    {{- range list "auth-service" "items-service" }}
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: {{ . }}
          app.kubernetes.io/instance: {{ $.Release.Name }}
          app.kubernetes.io/component: server
    {{- end }}
  ports:
    - {protocol: TCP, port: http}
{{- end -}}
