"""GitLab: access tokens of people, projects and groups, runner, deploy and trigger tokens, CI/CD variables."""
