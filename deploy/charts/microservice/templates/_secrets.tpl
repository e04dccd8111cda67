{{/* The Secret whose keys are settings. */}}
{{- define "microservice.secretName" -}}
{{- tpl .Values.secret.existingSecret . | default (printf "%s-settings" (include "microservice.fullname" .)) -}}
{{- end -}}

{{/* The Secret with the database's URL: named, CloudNativePG's, or the one that the tandem chart makes. */}}
{{- define "microservice.databaseSecret" -}}
{{- $database := .Values.database -}}
{{- if $database.cnpg.enabled -}}
name: {{ include "microservice.fullname" . }}-db-app
key: uri
{{- else if $database.existingSecret -}}
name: {{ tpl $database.existingSecret . }}
key: {{ $database.existingSecretKey }}
{{- else -}}
name: {{ include "microservice.fullname" . }}-database
key: DATABASE_URL
{{- end -}}
{{- end -}}

{{/* "true" where the release's own small PostgreSQL holds the service's database. */}}
{{- define "microservice.usesReleaseDatabase" -}}
{{- if not (or .Values.database.cnpg.enabled .Values.database.existingSecret) -}}true{{- end -}}
{{- end -}}

{{/*
A value that was made once: what the Secret in the cluster has, or something at random.
Takes the `namespace`, the `secret` and the `key`.
*/}}
{{- define "microservice.madeOnce" -}}
{{- $kept := dig "data" .key "" (lookup "v1" "Secret" .namespace .secret | default dict) -}}
{{- if $kept }}{{ $kept | b64dec }}{{ else }}{{ randAlphaNum 48 }}{{ end -}}
{{- end -}}
